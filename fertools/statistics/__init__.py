"""Agreement, intervals, paired tests and calibration, as plain functions of arrays."""
