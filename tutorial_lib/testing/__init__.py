"""What keeps a green run honest: the gates, and the pytest plugin that applies them."""
