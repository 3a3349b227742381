"""Read and write plan and report files."""
