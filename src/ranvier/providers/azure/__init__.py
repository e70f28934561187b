"""Azure OpenAI, which serves deployments of models in a resource of your own."""
