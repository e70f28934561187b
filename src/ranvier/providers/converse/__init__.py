"""Converse, Amazon Bedrock's API for the models of every maker."""
