"""What calls that wait in front of a target have in common."""
