"""Who may join: log-ins, invites and call tokens; and the pages that lead there."""
