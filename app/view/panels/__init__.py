"""The panels around the picture, one file each; `layout` says which there are and where."""
