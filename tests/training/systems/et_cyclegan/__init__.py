"""Tests of ET-CycleGAN."""
