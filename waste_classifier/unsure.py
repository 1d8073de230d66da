"""What the classifier says where it knows no label."""

#: No label may be called so.
UNSURE = "unsure"
