{{ judged(3) }}
