"""The APIs of Amazon Bedrock, their binary frames and their signatures."""
