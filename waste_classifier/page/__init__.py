"""The page: the classifier in a browser, by Gradio (`pip install "waste-classifier[page]"`)."""
