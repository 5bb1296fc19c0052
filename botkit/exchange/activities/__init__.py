"""What a leg does by itself: play, speak, gather digits, send them, record.

`activities.py` is the door; each other module is one noun.
"""
