"""A nuScenes dataset read: its maps become places, its moments scenes and captures. Plain JSON, without its development kit."""
