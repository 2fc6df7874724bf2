"""The definition language of audiences and computed traits."""
