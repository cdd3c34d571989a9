"""What several forms share: clean text, the stamp, numbered boxes, marked pictures, original headers."""
