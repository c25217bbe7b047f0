"""What an audience file is: inspected, mapped and streamed, without Airflow and without IQM's API."""
