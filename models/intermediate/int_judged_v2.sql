{{ judged(2) }}
