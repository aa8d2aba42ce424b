"""How the world moves: errors, features and class shares against what they were."""
