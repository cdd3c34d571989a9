"""One file a suite: NAME, MODEL, TAKES, PROTOCOL, NORMALISER, run(exam). A new file is a new suite."""
