"""Circuits that all tenants share: each tenant has one vote on whether a target is down."""
