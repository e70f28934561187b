"""Amazon Bedrock, which serves the models of many makers by four APIs."""
