"""The governor of a labelling loop: annotate, train and score overlap, and rules steer it."""

__version__ = "0.1.0"
