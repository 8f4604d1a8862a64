"""Archives: read the members of zips, tars and tables of pictures in place, without unpacking them."""
