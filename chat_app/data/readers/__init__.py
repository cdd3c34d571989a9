"""One file a layout: NAME, looks_like(folder), read(folder). A file put here is found; no list names it."""
