"""From sources to a manifest: plan, work, committed parts."""
