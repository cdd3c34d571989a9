"""How the weights in this package were made, and can be made again."""
