"""The engine: workers that take jobs from the queue, perform them and store what came of it. It knows no front end."""
