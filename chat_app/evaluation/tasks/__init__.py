"""One file a task: NAME, rows(records), parse(reply, row). A new file is a new task; no list names it."""
