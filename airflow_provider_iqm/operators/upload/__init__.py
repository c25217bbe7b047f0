"""The base class of the operators that upload an audience, and its parts."""
