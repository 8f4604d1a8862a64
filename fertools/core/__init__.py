"""What every other package stands on: errors, atomic files, hashing, workspace, progress, knowledge."""
