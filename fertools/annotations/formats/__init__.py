"""Label formats of other tools, each read into and written from one kind of table.

Each format has its own code for a missing value (-5, -2, 8), which only its module knows. In the table it is an empty
cell.
"""
