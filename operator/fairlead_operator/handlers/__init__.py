"""kopf: notes what changed and wakes the reconciler; decides nothing."""
