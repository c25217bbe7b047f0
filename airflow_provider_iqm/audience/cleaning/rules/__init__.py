"""How the values of each field are normalized and checked."""
