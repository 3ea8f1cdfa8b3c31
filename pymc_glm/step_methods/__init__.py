"""PyMC step methods of this package."""
