"""From what a model wrote to what it stands on: boxes in original pixels, statements with their sources."""
