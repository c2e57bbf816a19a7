"""The study's figures, one module per family."""
