"""Tests of CycleAT."""
