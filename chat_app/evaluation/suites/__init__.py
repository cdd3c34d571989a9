"""One file a suite: NAME, MODEL, PROTOCOL, NORMALISER, run(exam). A new file is a new suite."""
