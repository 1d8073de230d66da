"""ResNet50 from pixels to features: its layout, the network, pretrained weights, folding.

He et al. 2015, "Deep Residual Learning for Image Recognition", as in `keras.applications.resnet`.
"""
