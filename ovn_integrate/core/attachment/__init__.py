"""Docker networks on logical networks: made, attached, left and torn down."""
