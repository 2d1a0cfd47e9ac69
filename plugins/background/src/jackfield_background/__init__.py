"""Backgrounds for cameras in Jackfield: blurred, or another picture, behind whoever is in front."""
