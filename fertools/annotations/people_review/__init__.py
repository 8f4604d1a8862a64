"""The review page of `fertools identify`: doubtful people, to merge or to split."""
