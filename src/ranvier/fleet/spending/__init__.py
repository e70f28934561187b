"""The spend limits that one worker shares with the others."""
