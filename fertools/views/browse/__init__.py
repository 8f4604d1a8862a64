"""The page of `fertools browse`: every face of a dataset, filtered, sorted and looked at."""
