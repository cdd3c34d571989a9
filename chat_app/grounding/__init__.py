"""From what a model wrote to what it stands on: boxes, statements with sources, claims, checks of them."""
