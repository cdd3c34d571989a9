"""One file a model that is trained in a way of its own, called like its card: found by lying here."""
