"""What a sender in the 920 MHz band may do: rules as data, the sum of the sliding hour, the governor of one sender."""
