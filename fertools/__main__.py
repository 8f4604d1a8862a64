"""`python -m fertools`, and so `torchrun -m fertools train ...` and `accelerate launch -m fertools train ...`."""

from fertools.cli.main import main

main()
