"""What can be read: videos, pictures, and what their names say about subject and emotion."""
