"""What all operators that upload an audience have in common."""
