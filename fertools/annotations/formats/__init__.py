"""Label formats of other tools, with one table type for reading and writing.

Each format has its own code for a missing value (-5, -2, 8), which only its module knows. In the table it is an empty
cell.
"""
