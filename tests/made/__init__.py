"""What several tests share, and what is made once in a run however many processes test."""
