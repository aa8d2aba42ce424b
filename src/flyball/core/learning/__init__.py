"""How a model is measured, compared and promoted."""
