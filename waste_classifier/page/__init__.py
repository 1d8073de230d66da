"""The page: the classifier in a browser, by Gradio (extra `page`)."""
