"""Formats that others write labels in, each read into and written from one kind of table.

What stands for a missing value in a format (-5, -2, 8) is known in its module alone; in the table it is an empty cell.
"""
